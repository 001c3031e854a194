"""Photo and video files -> pictures, whatever the files hold."""
