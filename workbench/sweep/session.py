"""One run of a sweep, from the trials that are finished to all of them."""

from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from workbench.sweep import samplers
from workbench.sweep.definition import Definition
from workbench.sweep.executors import outcome_of, submit
from workbench.sweep.folder import SweepFolder
from workbench.sweep.progress import Tally
from workbench.sweep.records import make_record
from workbench.sweep.target import Target
from workbench.workers.messages import Outcome, Setup, Task
from workbench.workers.progress import Display

REFRESH = 1.0  # seconds after which the time left is told anew, even if no trial has ended


class Session:
    """One run of a sweep, from the trials that are finished to all of them."""

    def __init__(self, target: Target, definition: Definition, folder: SweepFolder, setup: Setup, total: int):
        self.tally = Tally(definition, max(total, len(folder)))
        self._target = target
        self._definition = definition
        self._folder = folder
        self._setup = setup
        self._total = total
        self._next = 0
        self._prefix = 0  # trials below it are all finished
        kind = samplers.Sequential if definition.is_ordered else samplers.Independent
        self._proposer = kind(definition)
        for number in folder.numbers():
            self.tally.add(folder[number], earlier=True)
        self._advance()

    def run(self, executor: Executor, at_once: int, show: Display) -> None:
        """Run what is not finished, at most `at_once` trials at a time."""
        running: dict[Future, Task] = {}
        try:
            while True:
                self._start(executor, at_once, running)
                rows = self.tally.rows(task.number for task in running.values())
                show.update(self.tally.done, self.tally.total, rows)
                if not running:
                    break
                done, _ = wait(running, timeout=REFRESH, return_when=FIRST_COMPLETED)
                if done:
                    self._finish([(running.pop(future), outcome_of(future)) for future in done])
        finally:
            for future in running:
                future.cancel()

    def _start(self, executor: Executor, at_once: int, running: dict[Future, Task]) -> None:
        """Start trials until `at_once` run, or none can be proposed yet."""
        while len(running) < at_once and self._next < self._total and self._may_propose():
            task = self._task(self._next)
            self._next += 1
            if task is not None:
                running[submit(executor, self._setup, task)] = task

    def _may_propose(self) -> bool:
        return not self._definition.is_ordered or self._next < self._prefix + self._definition.in_flight

    def _task(self, number: int) -> Task | None:
        """Return trial `number` to run, None where it is finished."""
        finished = number in self._folder
        if finished:
            if self._definition.is_ordered:
                self._proposer.adopt(self._folder[number])
            return None
        proposed = self._proposer.propose(number)
        seed = samplers.trial_seed(self._definition.seed, number)
        parameters = {**self._target.defaults, **self._target.seed(seed), **self._definition.space.fixed, **proposed}
        pruning = self._proposer.pruning() if self._definition.is_ordered else None
        return Task(number, parameters, seed, pruning)

    def _finish(self, ended: list[tuple[Task, Outcome]]) -> None:
        """Write down how trials have ended."""
        for task, outcome in ended:
            record = make_record(task, outcome, self._definition.objectives)
            self._folder.add(record, outcome)
            self.tally.add(record)
            if self._definition.is_ordered:
                self._proposer.finish(record)
        self._folder.flush()
        self._advance()

    def _advance(self) -> None:
        while self._prefix in self._folder:
            self._prefix += 1
