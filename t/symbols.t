#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# nginx loads modules with their symbols open to each other: what ours has
# must begin with one of our prefixes.

use v5.36;

use Test::More;

use FindBin;


my $so = "$FindBin::Bin/../build/ngx_stentor_module.so";

my @names = map { (split)[2] } `nm -D --defined-only $so`;
cmp_ok(scalar(@names), '>', 50, 'the module has symbols');

# nginx itself asks for these three
my @foreign = grep {
    !/^(?:stn|ngx_stentor|ngx_http_stentor|ngx_stream_stentor)_/
    && !/^ngx_(?:modules|module_names|module_order)$/
} @names;

is("@foreign", '', 'all begin with a prefix of ours');

done_testing();
