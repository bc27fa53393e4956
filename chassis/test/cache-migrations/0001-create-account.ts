export { up, down } from '../migrations/0001-create-account.ts'
