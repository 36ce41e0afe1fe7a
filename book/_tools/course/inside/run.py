"""Run a foreign notebook, cell by cell, inside the sandbox; nothing here is to be trusted by the world outside.

Reads one JSON object from standard input: the sources of the code cells, the inputs for `grading.given`, the limits. Writes one
line of JSON to standard output as soon as a cell is done, so that what was reached before a crash or a kill is not lost.
"""

import json
import os
import resource
import shutil
import signal
import sys


def main():
    job = json.load(sys.stdin)
    limits = job["limits"]
    # Print statements of foreign code and of its children must not mix with the results.
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    for kind, size in (("AS", limits["memory"]), ("FSIZE", limits["disk"]), ("NPROC", limits["processes"]), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (size, size))
    home = os.environ["HOME"]
    if job["cache"]:
        # A cache that cannot be written makes numba refuse to import, so each run has its own copy.
        shutil.copytree(job["cache"], os.environ["NUMBA_CACHE_DIR"], dirs_exist_ok=True)
    os.chdir(home)
    os.environ["MFCORE_GIVEN"] = os.path.join(home, ".given.json")
    with open(os.environ["MFCORE_GIVEN"], "w", encoding="utf-8") as file:
        json.dump(job["given"], file)
    shell = Shell(limits["output"])
    me = os.getpid()
    for index, source in enumerate(job["cells"]):
        try:
            outputs = shell.run(source, limits["cell"])
        except BaseException as error:  # the alarm can ring a second time, on the way out
            signal.setitimer(signal.ITIMER_REAL, 0)
            outputs = [*shell.outputs, {"output_type": "stream", "name": "stdout", "text": f"{error}\n"}]
        if os.getpid() != me:
            os._exit(0)  # a process that foreign code forked, and that came back here
        results.write(json.dumps({"cell": index, "outputs": outputs}) + "\n")
        results.flush()


class Shell:
    """IPython in this process, with its outputs as a notebook stores them, cut off at a size."""

    def __init__(self, limit):
        self.limit, self.outputs, self.size = limit, [], 0
        self.shell = ipython(self)
        signal.signal(signal.SIGALRM, late)

    def add(self, output):
        """Keep an output, unless the cell has shown too much already."""
        size = len(json.dumps(output, default=str))
        if self.size + size <= self.limit:
            self.outputs.append(output)
        elif self.size <= self.limit:
            self.outputs.append({"output_type": "stream", "name": "stdout", "text": "... more output than is kept ...\n"})
        self.size += size

    def error(self, lines):
        """Keep a traceback."""
        self.add({"output_type": "stream", "name": "stdout", "text": "\n".join(lines)[-5000:] + "\n"})

    def run(self, source, seconds):
        """The outputs of one cell, which has so many seconds."""
        self.outputs, self.size = [], 0
        out, err = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = Stream(self)
        # Again and again, for code that catches everything.
        signal.setitimer(signal.ITIMER_REAL, seconds, 5)
        try:
            self.shell.run_cell(source, store_history=True)
            flush_figures()
        except BaseException as error:
            self.error([f"{type(error).__name__}: {error}"])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.stdout, sys.stderr = out, err
        return self.outputs


def ipython(shell):
    """An interpreter that gives what it shows to a `Shell`."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    def show(data):
        shell.add({"output_type": "display_data", "data": data, "metadata": {}})

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, **_):
            show(data)

    class Hook(DisplayHook):
        def write_format_data(self, format_dict, md_dict=None):
            show(format_dict)

        def write_output_prompt(self):
            pass

        def finish_displayhook(self):
            self._is_active = False

    class Interpreter(InteractiveShell):
        def enable_gui(self, gui=None):
            pass

        def _showtraceback(self, etype, evalue, stb):
            shell.error(stb)

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    # Tracebacks without the lines around an error, which may be those of a hidden test.
    config.InteractiveShell.xmode = "Plain"
    return Interpreter.instance(config=config, display_pub_class=Publisher, displayhook_class=Hook)


class Stream:
    """Standard output of a cell."""

    encoding = "utf-8"

    def __init__(self, shell):
        self.target = shell

    def write(self, text):
        shell = self.target
        if shell.size > shell.limit:
            return len(text)
        last = shell.outputs[-1] if shell.outputs else {}
        if last.get("output_type") == "stream" and shell.size + len(text) <= shell.limit:
            last["text"] += text
            shell.size += len(text)
        else:
            shell.add({"output_type": "stream", "name": "stdout", "text": text})
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


def late(*_):
    raise TimeoutError("this cell took longer than a cell may")


def flush_figures():
    """Show open figures as pictures, as a notebook does at the end of a cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        return
    from IPython.core.pylabtools import print_figure
    from IPython.display import Image, display

    for number in pyplot.get_fignums():
        display(Image(data=print_figure(pyplot.figure(number)), format="png"))
    pyplot.close("all")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
