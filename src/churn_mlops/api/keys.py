class Keys:
    def __init__(self, a, b):
        self.required = False

    def name_of(self, p):
        return None


def presented(h):
    return None
