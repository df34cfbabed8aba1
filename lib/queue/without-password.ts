/** The URL without what nobody else may know, for the log: password, token, and what parameters say of them. */
export function withoutPassword(url: string): string {
  return url
    .replace(/(\/\/[^/?#]*?):[^/?#]*@/, '$1:***@')
    .replace(/^((?:nats|tls):\/\/)[^/?#:@]*@/, '$1***@') // a name alone is a token there
    .replace(/([?&][^=&#]*(?:password|passwd|token|secret)[^=&#]*=)[^&#]*/gi, '$1***');
}
