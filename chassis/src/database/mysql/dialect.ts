import { MysqlAdapter, MysqlIntrospector } from 'kysely'
import type { EngineDialect } from '../kysely-dialect.ts'
import { MysqlCompiler } from './compiler.ts'

export const mysqlDialect: EngineDialect = {
  createAdapter: () => new MysqlAdapter(),
  createIntrospector: (db) => new MysqlIntrospector(db),
  createQueryCompiler: () => new MysqlCompiler(),
}
