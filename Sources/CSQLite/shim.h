#include <sqlite3.h>

/* Swift cannot call variadic functions: this one, of all settings, has no pragma. */
static inline int csqlite_keep_wal_at_close(sqlite3 *db) {
    return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/* No view, trigger or function that a damaged schema may hold is run, and no pragma writes to the schema. */
static inline int csqlite_distrust_schema(sqlite3 *db) {
    int status = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    return status != SQLITE_OK ? status : sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}
