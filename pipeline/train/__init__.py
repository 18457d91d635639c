"""The stage train: a student learns the teacher's pictures, to weights/student_sr.pth."""
