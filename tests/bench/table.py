"""What was measured, as a table for people, CSV or JSON."""
import csv
import json
import math
import statistics
import sys

COLUMNS = ("part", "measure", "median", "unit", "ratio", "min", "max", "note")
RIGHT = {"median", "ratio", "min", "max"}


def say(text):
    print(f"  … {text}", file=sys.stderr, flush=True)


def shout(text):
    print(f"\n  !!! {text}\n", file=sys.stderr, flush=True)


def percentile(values, share):
    """Nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class Table:
    def __init__(self):
        self.rows, self.missing = [], []

    def add(self, part, measure, values, unit, ratio=None, note=""):
        """VALUES: one number, or those of several rounds: then their median, and the least and the most."""
        values = sorted(values) if isinstance(values, (list, tuple)) else [values]
        spread = (values[0], values[-1]) if len(values) > 1 else (None, None)
        self.rows.append(dict(zip(COLUMNS, (part, measure, statistics.median(values), unit, ratio, *spread, note))))

    def miss(self, part, what, why):
        """A peer, or something of ours, that could not be measured."""
        self.missing.append(f"{part}: {what} is NOT MEASURED: {why}")
        shout(self.missing[-1])

    @staticmethod
    def cell(value):
        if value is None:
            return ""
        if not isinstance(value, float):
            return str(value)
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"

    def cells(self, row):
        return [self.cell(row[column]) for column in COLUMNS]

    def text(self):
        lines = [list(COLUMNS)] + [self.cells(row) for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
        shown = []
        for line in lines:
            cells = [cell.rjust(width) if name in RIGHT else cell.ljust(width)
                     for name, cell, width in zip(COLUMNS, line, widths)]
            shown.append("  ".join(cells).rstrip())
        return "\n".join(shown + self.missing)

    def markdown(self, part):
        shown = COLUMNS[1:]
        lines = ["| " + " | ".join(shown) + " |", "|" + "|".join("---:" if name in RIGHT else "---" for name in shown) + "|"]
        lines += ["| " + " | ".join(self.cells(row)[1:]) + " |" for row in self.rows if row["part"] == part]
        return "\n".join(lines)

    def show(self, form):
        if form == "table":
            print(self.text())
        elif form == "json":
            json.dump({"rows": self.rows, "missing": self.missing}, sys.stdout, indent=1)
            print()
        else:
            writer = csv.DictWriter(sys.stdout, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
