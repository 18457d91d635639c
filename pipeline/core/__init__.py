"""The ground under every part: parameters, paths, files, frames, running a command. numpy and cv2 only."""
