"""Reading of photos and videos, also damaged and hostile ones, and writing of videos."""
