/** The URL without its password, for the log. */
export function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^/?#]*?):[^/?#]*@/, '$1:***@');
}
