"""Order and control in the real Claude Code, as a person types them."""

from tests.harness.modelserver import hold, host, worker
from tests.harness.waiting import wait_until
from tests.test_loop import ticks


def test_a_task_after_another_is_held_by_its_failure_and_released_by_a_word(chat, product, server):
    server.rule(worker("paint the door"), hold("first", "I could not"), repeat=True)
    server.rule(worker("hang the door"), ticks("hang-door", "it hangs"), "done")
    here = chat()
    here.say("dispatch opus to paint the door")
    here.wait_for("Dispatched paint-door")
    here.say("dispatch sonnet to hang the door after paint-door")
    here.wait_for("hang-door (sonnet, 1 step) (waiting: after paint-door)")
    product.wait("hang-door", "waiting")
    here.say("status")
    here.wait_for("hang-door: waiting")
    here.say("pause hang-door")
    here.wait_for("paused hang-door")
    here.say("resume hang-door")
    here.wait_for("hang-door goes on")
    here.say("cancel paint-door")
    product.wait("paint-door", "cancelled")
    here.wait_for("hang-door is held: paint-door was cancelled")
    here.wait_for("release hang-door")
    here.say("release hang-door")
    here.wait_for("hang-door starts without paint-door")
    assert product.wait("hang-door", "finished")["summary"] == "it hangs"
    told = server.matching(worker("hang the door"))[0].first_user_text
    assert "paint-door was cancelled" in told
    wait_until(lambda: product.tasks()["hang-door"]["state"] == "finished")
    assert not [r for r in server.matching(host()) if "task-notification" not in r.last_user_text]
