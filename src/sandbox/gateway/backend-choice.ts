/**
 * Picks one of several things by weight. Example: weights 80 and 20 with random() = 0.79 pick the first, with 0.8 the second.
 * @returns undefined when no weight is above 0
 */
export function pickByWeight<T extends { readonly weight: number }>(
  choices: readonly T[],
  random: () => number,
): T | undefined {
  const total = choices.reduce((sum, choice) => sum + choice.weight, 0);
  let point = random() * total;
  for (const choice of choices) {
    if (choice.weight <= 0) continue;
    point -= choice.weight;
    if (point < 0) return choice;
  }
  // Rounding may leave the point on the very end.
  return choices.findLast(choice => choice.weight > 0);
}
