#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::targets::bgp_message(octets));
