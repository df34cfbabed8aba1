/** Whether the named entry of the table in system-packages.mjs is installed. */
export function have(name: string): boolean;
