import type { JsonObject, JsonValue } from '../json.ts';
import { protobufFields } from './protobuf-fields.gen.ts';
import { readFields, WireError, type WireField } from './wire-reader.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly shape: 'one' | 'many' | 'map' | 'inline';
}

const SHAPES: Readonly<Record<string, Field['shape']>> = { '.': 'one', '*': 'many', '%': 'map', '^': 'inline' };
const tables = new Map<string, ReadonlyMap<number, Field>>();

/**
 * A message as the JSON object that it stands for. What Go writes although it is unset (empty texts, zero times, no generation) is left out, and
 * so are fields that the table does not know. @throws WireError
 */
export function decodeMessage(name: string, message: Buffer, depth: number): JsonObject {
  if (depth === 0) throw new WireError('the message is nested too deeply');
  const table = tableOf(name);
  const object: JsonObject = {};
  for (const wire of readFields(message)) {
    const field = table.get(wire.number);
    if (!field) continue;
    if (field.shape === 'inline') {
      Object.assign(object, decodeMessage(field.type, bytesOf(wire), depth - 1));
      continue;
    }
    if (field.shape === 'map') {
      const [key, value] = entryOf(field.type, bytesOf(wire), depth - 1);
      if (key !== '__proto__') object[field.name] = { ...(object[field.name] as JsonObject | undefined), [key]: value };
      continue;
    }
    const value = decoded(field.type, wire, depth - 1);
    if (value === undefined) continue;
    if (field.shape === 'many') {
      const list = (object[field.name] as JsonValue[] | undefined) ?? [];
      list.push(value);
      object[field.name] = list;
    } else if (value !== '' && !(field.name === 'generation' && value === 0)) object[field.name] = value;
  }
  return object;
}

function tableOf(name: string): ReadonlyMap<number, Field> {
  const known = tables.get(name);
  if (known) return known;
  const table = new Map<number, Field>();
  for (const word of (protobufFields[name] ?? '').split(' ').filter(text => text !== '')) {
    const colon = word.indexOf(':');
    const mark = word.search(/[.*%^]/);
    table.set(Number(word.slice(0, mark)), {
      name: word.slice(mark + 1, colon),
      type: word.slice(colon + 1),
      shape: SHAPES[word[mark] ?? ''] ?? 'one',
    });
  }
  tables.set(name, table);
  return table;
}

function entryOf(type: string, entry: Buffer, depth: number): [string, JsonValue] {
  let key = '';
  let value: JsonValue = '';
  for (const field of readFields(entry)) {
    if (field.number === 1) key = bytesOf(field).toString();
    if (field.number === 2) value = decoded(type, field, depth) ?? null;
  }
  return [key, value];
}

function decoded(type: string, wire: WireField, depth: number): JsonValue | undefined {
  switch (type.slice(type.lastIndexOf('.') + 1)) {
    case 'string':
      return bytesOf(wire).toString();
    case 'bytes':
      return bytesOf(wire).toString('base64');
    case 'bool':
      return numberOf(wire) !== 0;
    case 'int32':
    case 'int64':
      return numberOf(wire);
    case 'double':
      return wire.kind === 'fixed64' ? wire.bytes.readDoubleLE() : 0;
    case 'Time':
      return timeOf(bytesOf(wire), false);
    case 'MicroTime':
      return timeOf(bytesOf(wire), true);
    case 'Quantity':
      return textAt(1, bytesOf(wire));
    case 'IntOrString':
      return intOrString(bytesOf(wire));
    case 'RawExtension':
    case 'FieldsV1':
      return JSON.parse(textAt(1, bytesOf(wire)) || 'null') as JsonValue;
    default:
      return decodeMessage(type, bytesOf(wire), depth);
  }
}

function bytesOf(wire: WireField): Buffer {
  if (wire.kind !== 'bytes') throw new WireError(`field ${wire.number} holds a number where a text or message is due`);
  return wire.bytes;
}

function numberOf(wire: WireField): number {
  if (wire.kind !== 'varint') throw new WireError(`field ${wire.number} holds no number`);
  return Number(BigInt.asIntN(64, wire.value));
}

function textAt(number: number, message: Buffer): string {
  for (const field of readFields(message)) if (field.number === number) return bytesOf(field).toString();
  return '';
}

/** Seconds since 1970 and nanoseconds; the zero time is an unset one. */
function timeOf(message: Buffer, micro: boolean): string | undefined {
  let seconds = 0;
  let nanos = 0;
  for (const field of readFields(message)) {
    if (field.number === 1) seconds = numberOf(field);
    if (field.number === 2) nanos = numberOf(field);
  }
  if (seconds === 0 && nanos === 0) return undefined;
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new WireError('a time is out of range');
  const text = date.toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

function intOrString(message: Buffer): number | string {
  let isText = false;
  let number = 0;
  let text = '';
  for (const field of readFields(message)) {
    if (field.number === 1) isText = numberOf(field) === 1;
    if (field.number === 2) number = numberOf(field);
    if (field.number === 3) text = bytesOf(field).toString();
  }
  return isText ? text : number;
}
