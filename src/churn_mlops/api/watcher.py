class Watcher:
    def __init__(self, m):
        pass
