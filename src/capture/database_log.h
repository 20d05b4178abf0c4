#pragma once
// What the importers of databases share.
#include <functional>
#include <string>

#include "base/result.h"
#include "capture/importer.h"
#include "capture/sqlite_reader.h"

namespace clawtrace::capture {

// Reads a database that a program may be writing: read is run again on a fresh reader when the file changed
// meanwhile, and sink gets only what the last run found. Skips "changed-while-reading" when the writer gave
// no pause.
Status ReadUnchanged(const std::string& path, FactSink* sink,
                     const std::function<void(SqliteReader reader, FactSink* sink)>& read);

}  // namespace clawtrace::capture
