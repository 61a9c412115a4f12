//! All black-box tests: what only running programs, a real kernel and a real etcd can show. A file each below.
