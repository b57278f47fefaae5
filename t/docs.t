#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Documentation and code name the same things: each directive of a command
# table stands in docs/directives.md and the other way round, each field of
# the status in docs/status.md; and what links to each other is there.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Links;


use File::Find ();

my $top = $Stentor::Node::TOP;
my (%directive, @sources);

File::Find::find(sub {
    push(@sources, $File::Find::name) if /\.c$/;
}, "$top/ngx_module");

for my $path (@sources) {
    my $text = Stentor::Node::slurp($path);

    while ($text =~ /ngx_command_t\s+\w+\[\]\s*=\s*\{(.*?)ngx_null_command/sg)
    {
        my $table = $1;
        $directive{$1} //= $path
            while $table =~ /\{\s*ngx_string\("(\w+)"\)/g;
    }
}

cmp_ok(scalar(keys %directive), '>', 5, 'directives are found');

my $docs = Stentor::Node::slurp("$top/docs/directives.md") // '';
my %documented = map { $_ => 1 } $docs =~ /^#+ `?(\w+)`?\s*$/mg;

# a heading for each, and beneath it its syntax, default and context
for my $name (sort keys %directive) {
    my ($text) = $docs =~ /^#+ `?\Q$name\E`?\s*$(.*?)(?=^#+ |\z)/ms;

    ok(defined $text, "directive $name is documented") or next;
    like($text, qr/\b\Q$_\E\b/i, "$name: $_")
        for qw(Syntax Default Context);
}

for my $name (sort grep { /_/ } keys %documented) {
    ok($directive{$name}, "documented directive $name exists");
}

SKIP: {
    my $node = Stentor::Node->new();
    my $status = Stentor::Node::slurp("$top/docs/status.md") // '';
    my $b = broadcaster($node);
    my %field;


    sub names($v, $field) {
        if (ref($v) eq 'HASH') {
            $field->{$_} = 1, names($v->{$_}, $field) for keys %$v;

        } elsif (ref($v) eq 'ARRAY') {
            names($_, $field) for @$v;
        }
    }


    names($node->status(), \%field);
    cmp_ok(scalar(keys %field), '>', 40, 'status has fields');

    for my $name (sort keys %field) {
        like($status, qr/`(?:\w+\.|streams\[\]\.)*\Q$name\E`/,
             "status field $name is documented");
    }

    my $metrics = $node->get('/metrics')->{body};
    my %metric = map { $_ => 1 } $metrics =~ /^# TYPE (\w+)/mg;

    like($status, qr/\b\Q$_\E\b/, "metric $_ is documented")
        for sort keys %metric;

    $b->stop();
    $node->done();
}

is(join("\n", Stentor::Links::broken(Stentor::Links::documents($top))), '',
   'no link leads nowhere');

done_testing();
