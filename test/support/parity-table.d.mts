export interface Promised {
  id: string;
  isBuilt: boolean;
}

export function promises(text?: string): Promised[];
export function numbersOf(title: string): string[];
export function titlesIn(path: string, text: string): string[];
export function namedBy(): Map<string, string[]>;
export function rows(text?: string): Map<string, { flask: string; here: string; tests: string }>;
export function testsCell(promise: Promised, paths?: string[]): string;
export function updated(): Promise<string>;
