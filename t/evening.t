#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# scripts/evening in its short form and all of its variants, all together:
# doors, a broadcaster who is killed and comes back, silence, workers killed, a
# ladder, other audio parameters.  What is asserted are its own checks; their
# limits and reasons are in Stentor::Verdict.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use JSON::PP ();
use Time::HiRes qw(sleep);

use Stentor::Kit;


need('ffmpeg');

my $top = $Stentor::Node::TOP;
my $docs = Stentor::Node::slurp("$top/docs/directives.md");
my $dir = File::Temp->newdir();

my @VARIANTS = (
    ['plain'],
    ['workers killed', '--workers-killed'],
    ['ladder', '--ladder'],
    ['other parameters', '--other-parameters'],
);

my %pid;

for my $variant (@VARIANTS) {
    my ($name, @options) = @$variant;

    my $pid = fork() // die "fork: $!\n";
    $pid{$name} = $pid;

    # hold audio is made at each start: not four times at once
    sleep(2), next if $pid;

    open(STDOUT, '>', "$dir/$name.txt");
    open(STDERR, '>&', \*STDOUT);
    exec($^X, "$top/scripts/evening", '--short', '--json', "$dir/$name.json",
         @options) or POSIX::_exit(127);
}

for my $variant (@VARIANTS) {
    my ($name) = @$variant;

    waitpid($pid{$name}, 0);
    my $status = $? >> 8;
    my $text = Stentor::Node::slurp("$dir/$name.txt") // '';
    my $json = Stentor::Node::slurp("$dir/$name.json");
    my $r = $json ? JSON::PP::decode_json($json) : {};

    subtest($name => sub { judged($r, $status) }) or diag($text);
}


# A variant may be left out for want of what is not documented, either.

sub judged($r, $status) {
    for my $what (@{ $r->{missing} // [] }) {
        my ($directive) = $what =~ /\((\w+)\)$/;
        unlike($docs, qr/^### \Q$directive\E$/m,
               "$directive is not known, and not promised");
    }

    if (($r->{verdict} // '') eq 'not tried') {
        is($status, 2, 'says so in its status');
        is(scalar(@{ $r->{faults} }), 0, "not tried: $r->{why}");
        return;
    }

    ok($_->{ok}, $_->{name}) or diag("$_->{figure}, limit $_->{limit}")
        for @{ $r->{checks} // [] };

    cmp_ok(scalar(@{ $r->{checks} // [] }), '>', 15, 'it was judged');
    is($r->{verdict}, 'pass', 'a good evening');
    is($status, 0, 'says so in its status');
}


done_testing();
