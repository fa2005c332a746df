def run(job, stream):
    return 0
