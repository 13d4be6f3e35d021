/** A text at a place, before it is drawn. */
export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly colour: string;
}

const HEIGHT = 14;
const WIDTH = 36;

/** Moves labels apart that would cover each other: those of one neighbourhood keep their order from top to bottom. */
export function spreadLabels(labels: readonly PlacedLabel[]): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  // From the lowest upwards, each above those below it.
  for (const label of labels.toSorted((a, b) => b.y - a.y)) {
    let { y } = label;
    for (const other of placed.filter(({ x }) => Math.abs(x - label.x) < WIDTH))
      if (y > other.y - HEIGHT) y = other.y - HEIGHT;
    placed.push({ ...label, y });
  }
  return placed;
}
