"""Models in the real chat: names that nobody knows, and words that change the configuration, without a model call."""

import tomllib

from tests.harness.modelserver import host, worker
from tests.test_loop import ticks


def test_the_configuration_is_changed_in_words_and_unknown_models_are_looked_for(chat, product, server, sandbox):
    stand_in = sandbox.bin / "agent"
    stand_in.write_text("#!/bin/sh\necho 'composer-9 - Composer 9 (default)'\n")
    stand_in.chmod(0o755)
    server.rule(worker("count the lines"), ticks("count-lines", "there are 42"), "done")
    product.configure("# mine\nmax_parallel = 3\n")
    here = chat()
    here.say("/dispatch add composer-9 to my config")
    here.wait_for("added model composer-9: cursor runs it")
    here.say("/dispatch create a counter alias using haiku: Count twice.")
    here.wait_for("added alias counter: haiku")
    here.say("make counter my dispatch default")
    here.wait_for("default is counter now")
    here.say("/dispatch remove composer-9")
    here.wait_for("removed composer-9 from models")
    here.say("dispatch deepseek-r9 to count the words")
    here.wait_for('"deepseek-r9" is not available here')
    assert product.config_file.read_text().startswith("# mine\n")
    assert tomllib.loads(product.config_file.read_text()) == {
        "max_parallel": 3,
        "default": "counter",
        "aliases": {"counter": {"model": "haiku", "prompt": "Count twice."}},
    }
    here.say("/dispatch count the lines")
    here.wait_for("Dispatched count-lines (counter, 1 step)")
    assert product.wait("count-lines", "finished")["who"] == "counter"
    assert "Count twice." in server.matching(worker("count the lines"))[0].first_user_text
    assert server.calls(host("composer")) == server.calls(host("counter")) == 0
