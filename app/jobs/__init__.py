"""Jobs: commands that outlive the page that started them. Each has a folder in logs/jobs/ and a keeper process.

`start("repro", ["train"])` gives a Job; `jobs()` lists them, `find(number)` finds one; app.jobs.show draws it.

dvc-task, which DVC brings along, was looked at first. Its queue needs Celery and a worker of its own; its process
manager alone knows a process by its number only (which the system gives to another one day), and keeps neither times
nor a queue. So a job here has a keeper of a hundred lines.
"""

from app.jobs.job import Job, find, jobs, unfinished
from app.jobs.launch import cancel, kill, start

__all__ = ["Job", "cancel", "find", "jobs", "kill", "start", "unfinished"]
