import asyncio
from typing import Generic, TypeVar
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.api.model_source import Named

M = TypeVar("M")


class L:
    def __init__(s, m, n):
        s.model = m
        s.named = n


class ModelStore(Generic[M]):
    def __init__(self, source, folder, build, watcher, poll_seconds, shadow):
        self.source = source
        self.build = build
        self.current = None
        self.challenger = None
        self.stale = False
        self.detail = None

    def refresh(self):
        b = load_bundle(self.source.p)
        self.current = L(self.build(b, Named(b.digest, None)), Named(b.digest, None))
        self.current.model.warm()

    async def run(self):
        await asyncio.sleep(1e6)
