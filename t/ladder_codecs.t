#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Every codec that an application with renditions takes, from the encoder to
# the ear: the tone that was sent is heard in each rendition, as loud as it
# was, without a gap, a dip or a click.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Ear;
use Stentor::Encoder;
use Stentor::Player;

use File::Temp ();


need(qw(ffmpeg ffprobe));

# A sine of -20 dBFS has a level of -23.01.  At that pitch what follows a frame
# that is lost is out of phase, whichever codec's it is.
my $HZ = 1013;
my $LEVEL = -23.01;
my $SOUND = "aevalsrc=0.1*sin(2*PI*$HZ*t)";
my $STEREO = "$SOUND|0.1*sin(2*PI*$HZ*t)";
my $SECONDS = 4;

# What the coders of both sides may be off by; a lost frame is a dip of 6 dB.
my ($LEVEL_DB, $DIP_DB) = (1, 2);
my %RENDITIONS = (main => 'bitrate=128k', low => 'bitrate=64k channels=1');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);


# A file for ffmpeg to send as it is.

sub file($name, $sound, @how) {
    my $path = "$dir/$name";

    system('ffmpeg', '-nostdin', '-loglevel', 'error', '-f', 'lavfi', '-i',
           $sound, '-t', 15, @how, $path) == 0
        or die "ffmpeg makes no $name: $?\n";
    return $path;
}


# Name => a file that ffmpeg sends, or what it cannot send yet: packets that go
# out from here, as newer ones do it.

my %SENT;

$SENT{mp3} = file('stereo.mp3', "$STEREO:sample_rate=44100", '-c:a',
                  'libmp3lame', '-b:a', '128k')
    if Stentor::Node::has(`ffmpeg -hide_banner -encoders 2>&1`
                          =~ /libmp3lame/, 'libmp3lame');
$SENT{'aac-mono'} = file('mono.m4a', "$SOUND:sample_rate=44100", '-c:a', 'aac',
                         '-b:a', '96k');
$SENT{$_} = Stentor::Media::packets($_, seconds => 15, bitrate => '192k',
                                    source => "$STEREO:sample_rate=48000")
    for qw(opus flac ac3 eac3);

my @names = sort grep { $SENT{$_} } keys %SENT;
my $node = Stentor::Node->new(
    window => '20s', linger => '30s', zone => '64m',
    application => join(' ', map { "rendition $_ $RENDITIONS{$_};" }
                        sort keys %RENDITIONS)
                   . join(' ', map { " stream $_;" } @names),
);


sub sends($name) {
    my $sent = $SENT{$name};

    return Stentor::Encoder->start(url => $node->push_url($name),
        file => $sent, log => $node->dir() . "/$name.log") if !ref($sent);
    return Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                       name => $name, media => $sent);
}


# Waits for n more parts.

sub passes($name, $n) {
    my $from = $node->stream("live/$name")->{parts};
    $node->wait_stream("live/$name", sub ($st) { $st->{parts} >= $from + $n });
}


sub state_is($name, $state) {
    $node->wait_stream("live/$name", sub ($st) {
        return ($st->{state} // '') eq $state;
    }, 2 * $Stentor::Node::PATIENCE, "$name: $state");
}


# What a player kept, to an ear.

sub hears($heard) {
    my $ear = Stentor::Ear->new(tones => { live => $HZ }, marked => 'none');

    is(scalar(@{ $heard->{files} }), 1, "$heard->{name}: one init segment");

    for my $file (@{ $heard->{files} }) {
        my $d = $ear->hear($file->{path}, 0);
        my $off = $d->{seconds} - $file->{samples} / $file->{rate};

        is($d->{said}, '', "$heard->{name}: it decodes");
        cmp_ok(abs($off), '<', 0.05, "$heard->{name}: all of it");
    }

    return $ear;
}


sub one_tone($name, $heard) {
    my $ear = hears($heard);
    my @runs = $ear->runs();
    my @live = grep { $_->{what} eq 'live' } @runs;
    my $who = $heard->{name};

    is(join(' ', map { $_->{what} } @runs), 'chord live chord',
       "$who: hold, the tone that was sent, hold")
        or diag(map { sprintf("%s %.3f-%.3f\n", @$_{qw(what from to)}) }
                @runs);
    is(scalar(@{ $heard->{discontinuities} }), 0, "$who: no discontinuity");
    return if @live != 1;

    cmp_ok($live[0]{to} - $live[0]{from}, '>', $SECONDS - 0.5,
           "$who: as long as it was sent");
    cmp_ok(abs($live[0]{level} - $LEVEL), '<', $LEVEL_DB, "$who: as loud")
        or diag($live[0]{level});

    my $dip = $ear->dip('live');
    cmp_ok($dip->{db}, '<', $DIP_DB, "$who: no dip")
        or diag("at $dip->{t}, from $live[0]{from} to $live[0]{to}");

    # where sounds change into each other is something else
    my @clicks = grep { $_->{t} > $live[0]{from} + 0.2
                        && $_->{t} < $live[0]{to} - 0.2 } $ear->clicks();
    is(scalar(@clicks), 0, "$who: no click")
        or diag(map { sprintf("%.3f: %.1f dB\n", $_->{t}, $_->{db}) } @clicks);
}


# A few at a time: each costs encoders here and there, in real time.  Returns
# what was heard of each rendition.

sub broadcasts(@names) {
    my %player = map {
        my $name = $_;
        map { ("$name-$_" => Stentor::Player->start(
                   port => $node->port_http(), dir => "$dir",
                   name => "$name-$_", playlist => "/live/$name/$_.m3u8",
                   others => keys(%RENDITIONS) - 1)) } sort keys %RENDITIONS
    } @names;

    passes($names[0], 3);

    my %b = map { $_ => sends($_) } @names;

    state_is($_, 'live') for @names;
    passes($names[-1], 5 * $SECONDS);
    $_->stop() for values %b;
    state_is($_, 'hold') for @names;
    passes($_, 3) for @names;

    return map { $_ => $player{$_}->join(0) } keys %player;
}


state_is($_, 'hold') for @names;

my @left = @names;
my %heard;

while (my @few = splice(@left, 0, 2)) {
    %heard = (%heard, broadcasts(@few));
}

for my $name (@names) {
    my $st = $node->stream("live/$name");
    is("@{ $st->{repairs} }{qw(gaps_filled resyncs broken)}", '0 0 0',
       "$name: nothing was repaired");

    for my $rend (sort keys %RENDITIONS) {
        my $heard = $heard{"$name-$rend"};
        conforms("$name-$rend: one programme", @{ $heard->{violations} });
        one_tone($name, $heard);
    }
}

is($node->status()->{ingest}{refused_codec}, 0, 'nobody was refused');
$node->done('TERM');
done_testing();
