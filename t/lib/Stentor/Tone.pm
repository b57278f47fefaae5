# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A steady tone and what a player hears of it: a file for encoders to push,
# some seconds of a stream as ffmpeg plays it, and the tests that say whether
# it is that tone, at its level, without a gap or a click.

package Stentor::Tone;

use v5.36;

use POSIX ();
use Test::More ();

use Stentor::Ear;
use Stentor::Media;
use Stentor::Node;

use constant {
    # RMS, as the ear tells it
    DB => -20,

    # Players begin three segments back, and in a stream's first window there
    # is hold audio: so long after he came only the broadcaster is heard.
    LEAD => 6,
};


# A source for lavfi: the tone on both channels.

sub source($hz) {
    my $sine = sprintf('%.5f*sin(2*PI*%d*t)', amplitude(), $hz);
    return "aevalsrc='$sine|$sine':s=48000";
}


# Of a sine that has this RMS, of full scale.

sub amplitude() { return sqrt(2) * 10 ** (DB / 20) }


# A file of AAC, path, of so many seconds.

sub file($path, $hz, $seconds) {
    system('ffmpeg', '-nostdin', '-loglevel', 'error', '-y', '-f', 'lavfi',
           '-i', source($hz), '-t', $seconds, '-c:a', 'aac', '-b:a', '128k',
           $path) == 0 or die "ffmpeg makes no $path: $?\n";

    return $path;
}


# Waits until nothing but the broadcaster is heard, and plays some seconds:
# {hz, db, seconds, runs, silence, clicks, said, before, after: what the
# status said of repairs}.

sub hear($node, $name, $hz, $seconds = 5) {
    my $path = "$node->{dir}/heard-" . $name =~ s/\W/-/gr . '.wav';
    my $frames = LEAD * 48000 / 1024;
    my $patience = LEAD + $Stentor::Node::PATIENCE;

    $node->wait_stream("live/$name", sub ($st) {
        return $st && $st->{state} eq 'live'
               && $st->{repairs}{live_frames} >= $frames;
    }, $patience, "$name is on the air") or return {};

    my $before = $node->stream("live/$name")->{repairs};
    my $said = play($node->url("/live/$name/index.m3u8"), $path, $seconds);
    my $after = $node->stream("live/$name")->{repairs};

    my $ear = Stentor::Ear->new(tones => { tone => $hz }, marked => 'none');
    my $file = $ear->hear($path, 0);
    my @runs = $ear->runs();

    return {
        hz => Stentor::Media::tone(Stentor::Ear::decode($path)->{low},
                                   Stentor::Ear::RATE) // 0,
        db => @runs ? $runs[0]{level} : Stentor::Ear::FLOOR_DB,
        seconds => $file->{seconds},
        runs => \@runs,
        dip => $ear->dip('tone'),
        clicks => [ $ear->clicks() ],
        said => "$said$file->{said}",
        before => $before, after => $after,
    };
}


# ffmpeg as a player; returns its complaints.

sub play($url, $path, $seconds) {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDERR, '>', "$path.said");
        exec('timeout', 30 + $seconds, 'ffmpeg', '-nostdin', '-hide_banner',
             '-nostats', '-loglevel', 'warning', '-y', '-i', $url,
             '-t', $seconds, '-c:a', 'pcm_s16le', $path)
            or POSIX::_exit(127);
    }

    waitpid($pid, 0);
    return Stentor::Node::slurp("$path.said") . ($? ? "it ended: $?\n" : '');
}


# Tests that a stream's listeners hear the tone, and nothing else.

sub is_heard($node, $name, $hz, $what, $seconds = 5) {
    my $h = hear($node, $name, $hz, $seconds);
    my @runs = @{ $h->{runs} // [] };
    my $line = sprintf('%d Hz at %.1f dB for %.1f s, dip %.1f dB, %d clicks',
                       $h->{hz} // 0, $h->{db} // 0, $h->{seconds} // 0,
                       $h->{dip}{db} // 0, scalar(@{ $h->{clicks} // [] }));

    Test::More::note("$what: $line");
    $h->{line} = $line;

    my @bad = grep { defined } (
        ($h->{seconds} // 0) < $seconds - 0.1 ? 'too short' : undef,
        abs(($h->{hz} // 0) - $hz) > 4 ? 'another tone' : undef,
        abs(($h->{db} // 0) - DB) > 1 ? 'another level' : undef,
        @runs != 1 || $runs[0]{what} ne 'tone' ? 'not one tone' : undef,
        ($h->{dip}{db} // 99) > 3 ? 'a dip' : undef,
        @{ $h->{clicks} // [] } ? 'clicks' : undef,
        map({ ($h->{after}{$_} // 0) != ($h->{before}{$_} // 0)
              ? "$_ grew" : undef } qw(gaps_filled hold_frames resyncs)),
    );

    Test::More::is("@bad", '', "$what: the tone is heard")
        or Test::More::diag($line, "\n", $h->{said} // 'not on the air',
                            map { sprintf("%s %.2f-%.2f\n",
                                          @$_{qw(what from to)}) } @runs);

    return $h;
}


1;
