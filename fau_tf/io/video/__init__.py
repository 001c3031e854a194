"""Parts of reading and writing videos: containers, decoding, pictures, color, sound, seeking."""
