"""stub"""

from __future__ import annotations

import numpy as np

from churn_mlops.registry.meta import Trees


def _floor32(t):
    f = np.float32(t)
    if float(f) > t:
        f = np.nextafter(f, np.float32(-np.inf))
    return float(f)


def trees_of(dump):
    R = []
    F = []
    T = []
    C = []
    M = []
    L = []
    RR = []
    V = []
    W = []

    def add(n):
        i = len(F)
        F.append(-1)
        T.append(0.0)
        C.append(False)
        M.append(False)
        L.append(-1)
        RR.append(-1)
        V.append(0.0)
        W.append(1.0)
        if "split_feature" in n:
            F[i] = n["split_feature"]
            C[i] = n["decision_type"] == "=="
            W[i] = float(n["internal_count"])
            T[i] = float(n["threshold"]) if C[i] else _floor32(n["threshold"])
            M[i] = (
                False
                if C[i]
                else (n["default_left"] if n["missing_type"] == "NaN" else n["threshold"] >= 0.0)
            )
            L[i] = add(n["left_child"])
            RR[i] = add(n["right_child"])
        else:
            V[i] = n["leaf_value"]
            W[i] = float(n.get("leaf_count", 1)) or 1.0
        return i

    for t in dump["tree_info"]:
        R.append(add(t["tree_structure"]))
    return Trees(
        roots=tuple(R),
        feature=tuple(F),
        threshold=tuple(T),
        categorical=tuple(C),
        missing_left=tuple(M),
        left=tuple(L),
        right=tuple(RR),
        value=tuple(V),
        cover=tuple(W),
    )
