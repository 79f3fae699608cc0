time="2026-11-26T18:16:43Z" level=error msg="runc run failed: chdir b: no such file or directory"
