// Values of header fields: white space around them and lists in them. Only space and tab are white space (RFC 9110 5.6.3);
// String.trim also removes no-break spaces and others.

/** `value` without white space around it. */
export function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value[start])) start++;
  while (end > start && isSpace(value[end - 1])) end--;
  return value.slice(start, end);
}

/** The members of a list separated by commas, without white space around them. */
export function membersOf(list: string, separator = ","): string[] {
  return list.split(separator).map(trimmed);
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t";
}
