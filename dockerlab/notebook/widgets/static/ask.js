/**
 * The bridge: a view asks Python for what it is about to show.
 * @typedef {{ message: string, hint: string }} Refusal
 * @typedef {{ get(name: string): any, on(event: string, heard: Function): void, off(event: string, heard: Function): void, send(message: object): void }} Model
 * @typedef {(question: string, about?: object) => Promise<any>} Ask
 */

const PATIENCE = 15000; // ms: a kernel that is busy answers when its cell has ended

/**
 * A function that asks, and one that stops listening.
 * @param {Model} model
 * @param {Record<string, string>} words
 * @returns {{ ask: Ask, stop: () => void }}
 */
export function asker(model, words) {
  /** @type {Map<number, { done: (answer: any) => void, failed: (refusal: Refusal) => void, timer: number }>} */
  const waiting = new Map();
  let count = 0;

  /** @param {{ id: number, answer?: any, error?: Refusal }} message */
  const heard = (message) => {
    const one = waiting.get(message.id);
    if (!one) return;
    waiting.delete(message.id);
    clearTimeout(one.timer);
    if (message.error) one.failed(message.error);
    else one.done(message.answer);
  };
  model.on("msg:custom", heard);

  const ask = (/** @type {string} */ question, about = {}) =>
    new Promise((done, failed) => {
      const id = ++count;
      const late = () => {
        waiting.delete(id);
        failed({ message: words.silent, hint: "" });
      };
      waiting.set(id, { done, failed, timer: window.setTimeout(late, PATIENCE) });
      model.send({ id, ask: question, about });
    });
  return { ask, stop: () => model.off("msg:custom", heard) };
}
