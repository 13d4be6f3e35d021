/** Colours of all plots: readable for colour-blind people, on white. */
export const COLOURS = {
  ink: '#1f2933',
  faint: '#6b7785',
  grid: '#e3e8ee',
  band: '#f4f6f9',
  sluice: '#0072b2',
  sluice2: '#009e73',
  sluice3: '#56b4e9',
  sluice4: '#7a5195',
  argo: '#d55e00',
  flagger: '#b58900',
} as const;

export const FONT = 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif';

/** Text as it may stand in SVG. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** An element with attributes; content is SVG, not text. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content?: string,
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeText(String(value))}"`)
    .join('');
  return content === undefined ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** Text at a place. */
export function label(
  x: number,
  y: number,
  text: string,
  { size = 13, fill = COLOURS.ink as string, anchor = 'start', weight = 400, rotate = 0, halo = false } = {},
): string {
  const transform = rotate === 0 ? undefined : `rotate(${rotate} ${round(x)} ${round(y)})`;
  const attributes = { x, y, 'font-size': size, fill, 'text-anchor': anchor, 'font-weight': weight, transform };
  // Text over a line is read more easily with some white around it.
  const around = halo ? { stroke: '#ffffff', 'stroke-width': 4, 'paint-order': 'stroke' } : {};
  return element('text', { ...attributes, ...around }, escapeText(text));
}

/** A whole picture on white, so that it can be read on a dark page too. */
export function picture(width: number, height: number, title: string, parts: readonly string[]): string {
  const background = element('rect', { width, height, rx: 8, fill: '#ffffff' });
  const content = [element('title', {}, escapeText(title)), background, ...parts].join('\n');
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height };
  return `${element('svg', { ...attributes, role: 'img', 'font-family': FONT }, `\n${content}\n`)}\n`;
}

/** Coordinates with one digit are exact enough and keep files small. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
