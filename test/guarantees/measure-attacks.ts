import { attacks, fill, measure, memoryOf } from './attacks.ts'

/** Prints what honest clients see during each attack: `node test/guarantees/measure-attacks.ts http://127.0.0.1:3000 [seconds] [part of a name]` */

const [url = 'http://127.0.0.1:3000', seconds = '5', part = ''] = process.argv.slice(2)
await fill(url)
for (const attack of attacks.filter(({ name }) => name.includes(part))) {
  const { statuses, p99Ms, maxMs } = await measure(url, attack, Number(seconds) * 1_000)
  const memory = await memoryOf(url).catch(() => Number.NaN)
  const counts = [...statuses]
    .toSorted(([one], [other]) => one - other)
    .map(([status, count]) => `${count} of ${status}`)
  process.stdout.write(
    `${attack.name.padEnd(46)} p99 ${p99Ms.toFixed(0).padStart(6)} ms  max ${maxMs.toFixed(0).padStart(6)} ms  ` +
      `${(memory / 1_048_576).toFixed(0).padStart(5)} MiB  ${counts.join(', ')}\n`,
  )
}
process.exit()
