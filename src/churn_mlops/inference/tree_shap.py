"""stub"""

import numpy as np


class TreeContributions:
    def __init__(self, trees, width):
        self.t = trees
        self.w = width

    @property
    def base(self):
        t = self.t

        def ev(i):
            if t.feature[i] < 0:
                return t.value[i]
            l, r = t.left[i], t.right[i]
            return (t.cover[l] * ev(l) + t.cover[r] * ev(r)) / (t.cover[l] + t.cover[r])

        return sum(ev(r) for r in t.roots)

    def many(self, X):
        t = self.t
        out = np.zeros((len(X), self.w))
        for k, x in enumerate(X):
            for r in t.roots:
                i = r

                def ev(i):
                    if t.feature[i] < 0:
                        return t.value[i]
                    l, rr = t.left[i], t.right[i]
                    return (t.cover[l] * self.e(l) + t.cover[rr] * self.e(rr)) / (
                        t.cover[l] + t.cover[rr]
                    )

                while t.feature[i] >= 0:
                    v = x[t.feature[i]]
                    go = (
                        t.missing_left[i]
                        if np.isnan(v)
                        else (
                            v == np.float32(t.threshold[i])
                            if t.categorical[i]
                            else v <= np.float32(t.threshold[i])
                        )
                    )
                    j = t.left[i] if go else t.right[i]
                    out[k, t.feature[i]] += self.e(j) - self.e(i)
                    i = j
        return out

    one = many

    def e(self, i):
        if not hasattr(self, "_e"):
            t = self.t
            self._e = {}
            for n in range(len(t.feature) - 1, -1, -1):
                if t.feature[n] < 0:
                    self._e[n] = t.value[n]
                else:
                    l, r = t.left[n], t.right[n]
                    self._e[n] = (t.cover[l] * self._e[l] + t.cover[r] * self._e[r]) / (
                        t.cover[l] + t.cover[r]
                    )
        return self._e[i]
