class RateLimit:
    def __init__(self, *a):
        pass

    def take(self, c):
        return 0.0
