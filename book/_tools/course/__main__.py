"""The course: `release`, `grade`, `feedback`, `sample`. Run by make, which says how."""

import argparse
import sys

from tqdm import tqdm

from . import marking, release, sample
from .grader import Course
from .sandbox import Unavailable


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    parser.add_argument("command", choices=["release", "grade", "feedback", "sample"])
    parser.add_argument("--course", required=True, help="the folder of the course")
    parser.add_argument("--seed", help="what the parameters of the course are drawn from")
    parser.add_argument("--submissions", help="the folder to mark")
    parser.add_argument("--jobs", type=int, help="how many submissions at a time")
    parser.add_argument("--unsafe", action="store_true", help="without a sandbox")
    options = parser.parse_args(arguments)
    course = Course(options.course, unsafe=options.unsafe)
    try:
        if options.command == "release":
            release.release(course, options.seed, progress=lambda names: tqdm(names, unit="assignment"))
            print(f"Hand out {course.folder / 'release'}; keep the rest of {course.folder} to yourself.")
        elif options.command == "sample":
            print(f"A class that has handed in: make grade SUBMISSIONS={sample.write(course)}")
        elif options.command == "feedback":
            marking.feedback(course)
        else:
            problems = marking.grade(course, options.submissions, options.jobs)
            print("\n".join(problems), file=sys.stderr)
            return 1 if problems else 0
    except Unavailable as error:
        print(f"{error}\nUNSAFE=1 runs it all the same, with your rights: for notebooks that you wrote yourself only.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
