#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The listener page in a real Chromium: a click on play, and the broadcaster's
# tone comes out of the page's own audio graph; off the air and back on, the
# page notices both without another click.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

need('ffmpeg');
need_page();

my $top = $Stentor::Node::TOP;

my $HZ = 660;
my $media = Stentor::Media::fixture(freq => $HZ);

my ($node, $b) = on_air(part_duration => '500ms', window => '30s',
    linger => '2s', broadcaster => { media => $media },
    location => 'stentor_hls_pending time=200ms max=100;',
    http => "include /etc/nginx/mime.types;",
    http_server => "location / { root $top/build/html; }");


# Runs the browser.  Calls each(line) for what it says meanwhile; returns (exit
# status, all it said).

sub browser($each, @args) {
    open(my $out, '-|', 'node', "$top/t/browser/listen.js", @args)
        or die "node: $!\n";

    my $said = '';

    while (my $line = readline($out)) {
        $said .= $line;
        $each->($line);
    }

    close($out);
    return ($? >> 8, $said);
}


my $l = listener($node, edge => 1);
ok($l->parts(12), 'some seconds of live audio');

my $url = $node->url('/?stream=live/studio1');

my ($rc, $said) = browser(sub ($line) { }, $url, $HZ);
is($rc, 0, 'the tone is heard in the browser') or diag($said);

# off the air, and back: what is heard first is the hold audio that a stream
# is born with, so no tone is asked for
my $gone = 0;

($rc, $said) = browser(sub ($line) {
    if (!$gone && $line =~ /^# \d+ live/) {
        $b->stop();
        $gone = 1;

    } elsif ($gone == 1 && $line =~ /^# \d+ off/) {
        $b = broadcaster($node, media => $media);
        $gone = 2;
    }
}, '--timeout', 60, '--then-wait-state', 'off air',
   '--then-wait-state', 'live', $url, '-');

is($rc, 0, 'off the air and back, without another click') or diag($said);
is($gone, 2, 'both were seen');

$b->stop();
$node->done();
done_testing();
