/**
 * The definitions module a function is bundled with, whatever it exports.
 *
 * The bundler resolves the name (`infra/function-code.ts`), so import it from handlers alone, as a namespace.
 */
declare module 'lakefold:definitions' {
  export {};
}
