"""What a run used, from whatever way an ACP agent tells it.

The ways (measured, docs/backends.md), each with a figure that would be wrong if taken for another:
process   result.usage: all prompts of this process
prompt    result.usage: this prompt
quota     result._meta.quota.token_count: this prompt
chunk     agent_message_chunk._meta.usage: one model call
""        no total: nothing, or the last model call only
A cost is usage_update.cost: of the session, over all processes that had it.
"""

from __future__ import annotations


class Models:
    """What each model of a run used, where a CLI tells of several (its helpers may have models of their own)."""

    def __init__(self) -> None:
        self.used: dict[str, dict] = {}

    def add(self, name: str, tokens: int, cost: float | None) -> None:
        row = self.used.setdefault(name, {"tokens": 0, "cost_usd": None})
        row["tokens"] += tokens
        row["cost_usd"] = row["cost_usd"] if cost is None else (row["cost_usd"] or 0) + cost

    def told(self, own: str) -> dict:
        """For a usage event: {"beside": all but its own}, the one of that name, else the one used most."""
        main = own if own in self.used else max(self.used, key=lambda name: self.used[name]["tokens"], default="")
        beside = {name: dict(row) for name, row in self.used.items() if name != main}
        return {"beside": beside} if beside else {}


class Used:
    def __init__(self, way: str, spent: dict, model: str = "") -> None:
        """spent: what the session is known to have cost before this run, {"cost_usd"}; model: the one asked for."""
        self.model, self.models = model, Models()
        self.way, self.before, self.calls = way, spent.get("cost_usd") or 0, 0
        self.figures: dict = {"tokens": None, "input": None, "output": None, "cost_usd": None}

    def forget(self) -> None:
        """The session is a new one."""
        self.before = 0

    def update(self, update: dict) -> list[dict]:
        """The events of a session/update."""
        if update["sessionUpdate"] == "usage_update":
            return self._cost(update.get("cost"))
        usage = (update.get("_meta") or {}).get("usage") if self.way == "chunk" else None
        if not usage:
            return []
        self.calls += 1
        return [{"kind": "turn", "n": self.calls}, *self._add(usage["inputTokens"], usage["outputTokens"])]

    def result(self, result: dict) -> list[dict]:
        """The events of a prompt's result."""
        if self.way == "quota":
            quota = (result.get("_meta") or {}).get("quota") or {}
            count = quota.get("token_count")
            for row in quota.get("model_usage") or []:
                used = row["token_count"]
                self.models.add(row["model"], used["input_tokens"] + used["output_tokens"], None)
            return self._add(count["input_tokens"], count["output_tokens"]) if count else []
        usage = result.get("usage")
        if not usage or self.way not in ("process", "prompt"):
            return []
        if self.way == "process":
            self.figures.update(tokens=None, input=None, output=None)
        return self._add(usage["inputTokens"], usage["outputTokens"])

    def _add(self, read: int, written: int) -> list[dict]:
        for key, more in (("tokens", read + written), ("input", read), ("output", written)):
            self.figures[key] = (self.figures[key] or 0) + more
        return self._event()

    def _cost(self, cost: dict | None) -> list[dict]:
        if not cost or cost.get("currency", "USD") != "USD":
            return []
        self.figures["cost_usd"] = max(0.0, cost["amount"] - self.before)
        return self._event()

    def _event(self) -> list[dict]:
        return [{"kind": "usage", **self.figures, **self.models.told(self.model)}]
