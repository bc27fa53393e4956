export { GuidCommand, GuidEvent } from './guid.ts'
