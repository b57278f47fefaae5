#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# scripts/cluster-demo as one uses it: what it says is there, somebody is heard
# at every edge, an edge that is killed comes back, and Ctrl-C leaves nothing.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use File::Temp ();
use IO::Select;
use POSIX ();
use Time::HiRes qw(time sleep);

need('redis-server', 'ffmpeg');

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $patience = 6 * $Stentor::Node::PATIENCE;

my $pid = open(my $out, '-|') // die "fork: $!\n";
exec("$Stentor::Node::TOP/scripts/cluster-demo", '--dir', $dir,
     '--shields', 1, '--edges', 2, '--origins', 1) if !$pid;

my $text = '';


# What it has said, when that matches.

sub says($pattern) {
    my $end = time() + $patience;
    my $select = IO::Select->new($out);

    while ($text !~ $pattern && time() < $end) {
        next if !$select->can_read(0.1);
        sysread($out, $text, 65536, length($text)) or last;
    }

    return $text =~ $pattern;
}


# A playlist of a URL's port with live audio in it, or what there is instead.

sub plays($port) {
    my $end = time() + $patience;
    my $r;

    while (time() < $end) {
        $r = eval { Stentor::HTTP::get($port, '/live/demo/audio.m3u8') };
        return $r->{status} if $r && $r->{status} == 200;
        sleep(0.1);
    }

    return $r ? $r->{status} : "nobody at $port";
}


sub processes() {
    return grep { (Stentor::Node::slurp("$_/cmdline") // '') =~ /\Q$dir\E/ }
           glob('/proc/[0-9]*');
}


ok(says(qr/Ctrl-C stops it/), 'it starts') or diag($text);

my @edges = $text =~ m{listen http://127\.0\.0\.1:(\d+)/}g;
my @all = $text =~ m{http://127\.0\.0\.1:(\d+)/status}g;

is(scalar(@edges), 2, 'as many edges as were asked for');
is(scalar(@all), 4, 'and nodes');
like($text, qr{push rtmp://127\.0\.0\.1:\d+/live, stream key demo},
     'it says where to push');
is(plays($_), 200, "somebody is heard at $_") for @edges;
is(Stentor::HTTP::get($_, '/status')->{status}, 200, "a status at $_")
    for @all;

# the address that it tells to listen at is a page, if that was built, whose
# pieces a browser takes for what they are

my ($page) = $text =~ m{listen http://127\.0\.0\.1:\d+(/\S+)};
my $r = Stentor::HTTP::get($edges[0], $page);
is($r->{status}, 200, "there is a $page");

if ($page =~ m{^/listen/}) {
    like($r->{headers}{'content-type'}, qr{^text/html}, 'a page');
    $r = Stentor::HTTP::get($edges[0], '/listen.css');
    like($r->{headers}{'content-type'}, qr{^text/css}, 'with its style');
}

my ($master) = Stentor::Node::slurp("$dir/edge-1/nginx.pid") =~ /(\d+)/;
kill('KILL', $master);
ok(says(qr/edge-1 is back/), 'an edge that is killed comes back');
is(plays($edges[0]), 200, 'and has the stream again');

kill('INT', $pid);
ok(says(qr/The cluster has stopped/), 'it stops');
close($out);
is($?, 0, 'with status 0');
is_deeply([ processes() ], [], 'and leaves nobody behind');

done_testing();
