"""Where frames come from: cameras, videos and folders of pictures."""
