// What calls say where threads end: lost_thread.mjs PACKAGE CALLS, whose worker.js may be another.
import { pathToFileURL } from "node:url";

const [, , folder, calls] = process.argv;
const { load } = await import(pathToFileURL(`${folder}/dist/index.js`));
const logits = {
  data: Float32Array.from({ length: 19 * 32 * 32 }, (_, i) => (i * 7919) % 1009),
  shape: [19, 32, 32],
};
const labels = (segpost) => segpost.argmax(logits, { size: [1024, 1024] }).data.join();
const refusal = (segpost) => {
  try {
    return labels(segpost) && "";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const alone = labels(await load());
const ended = await load({ threads: 2 });
await Promise.all(ended.module.threads.workers.map((worker) => worker.terminate()));
const sleeping = labels(ended) === alone;
const closed = await load({ threads: 2 });
closed.close();
const narrow = await load({ threads: 2 });
narrow.module.exports.__stack_pointer.value = 16;
const trapped = [refusal(narrow).split(":")[0], refusal(narrow)];
const segpost = await load({ threads: 2 });
let lost = "";
for (let call = 0; call < calls && !lost; ++call) lost = refusal(segpost);
const answers = { sleeping, closed: refusal(closed), trapped, lost, after: refusal(segpost) };
process.stdout.write(JSON.stringify(answers));
