# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A strict low-latency listener: reloads the media playlist with blocking
# requests as hls.js does, checks every version and every pair of versions,
# fetches each new part and checks its clock against the part before and
# against what the playlist said.  It notes what it would not take and goes
# on.  It runs in the test's process, or forked, many at once.

package Stentor::Listener;

use v5.36;

use IO::Handle;
use JSON::PP ();
use List::Util qw(sum0);
use POSIX ();
use Time::HiRes qw(time);

use Stentor::Conformance;
use Stentor::HTTP;
use Stentor::Media;
use Stentor::Playlist;


# new(port =>, path => '/live/studio1', rendition => 'audio', delta => 1: asks
# for deltas; keep => 1: keeps the frames; edge => 1: leaves out the parts
# that the first playlist lists already).

sub new($class, %o) {
    return bless {
        path => '/live/studio1', rendition => 'audio',
        %o,
        violations => [], parts => [], seen => {}, versions => 0,
        retries => 0, workers => {}, inits => {}, missed => 0,
    }, $class;
}


sub bad($self, @what) {
    push(@{ $self->{violations} }, @what);
}


# A GET on the kept connection; once more on a new one when the server had
# closed the old one before it answered anything.

sub get($self, $path, %headers) {
    for my $try (1 .. 2) {
        my $fresh = !$self->{conn} || $self->{conn}{eof};
        $self->{conn} = Stentor::HTTP->new($self->{port}) if $fresh;

        my $c = $self->{conn};
        $c->request('GET', $path, %headers);
        my $r = $c->response($self->{timeout} // $Stentor::HTTP::TIMEOUT);

        if ($r) {
            $self->{workers}{ $r->{headers}{'x-worker'} // 0 }++;
            return $r;
        }

        last if $fresh || !$c->{eof} || length($c->{in});
        $self->{retries}++;
    }

    $self->{conn} = undef;
    $self->bad("no answer to GET $path");

    return undef;
}


# One reload and the parts it brought; false when there is nothing more.

sub step($self) {
    my $old = $self->{playlist};
    my $path = "$self->{path}/$self->{rendition}.m3u8";

    if ($old) {
        my ($msn, $part) = $old->next_part();
        $path .= "?_HLS_msn=$msn&_HLS_part=$part";
        $path .= '&_HLS_skip=YES' if $self->{delta};
    }

    my $r = $self->get($path) or return 0;

    if ($r->{status} != 200) {
        $self->bad("$r->{status} for $path");
        return 0;
    }

    my $new = Stentor::Playlist::parse($r->{text});
    $self->{versions}++;
    $self->{taken} = $r->{taken};

    my $n = $self->{versions};
    my %frame = $self->{init}
                ? (frame => 1024 / $self->{init}{timescale}) : ();
    $self->bad(map { "version $n: $_" }
               Stentor::Conformance::check($new, %frame));

    if ($old) {
        $self->bad(map { "version $n: $_" }
                   Stentor::Conformance::check_pair($old, $new));
        $self->bad("version $n: nothing new for $path")
            if !$new->{ended} && "@{[ $new->next_part() ]}"
                                 eq "@{[ $old->next_part() ]}";
    }

    $self->{playlist} = $new;
    $self->take_parts($new, !$old && $self->{edge});

    return !$new->{ended};
}


sub take_parts($self, $p, $pass) {
    for my $entry ($p->all_parts()) {
        my ($msn, $i, $a) = @$entry;
        my $seg = $p->segment($msn);

        # a delta that comes later need not state the map again
        $self->take_init($seg->{map}) if defined $seg->{map};
        next if $self->{seen}{"$msn.$i"}++ || $pass || $a->{GAP};

        my $r = $self->get("$self->{path}/$a->{URI}") or next;

        if ($r->{status} != 200) {
            $self->bad("$r->{status} for part $a->{URI}");
            $self->{missed}++;
            next;
        }

        eval { $self->take_part($seg, $i, $a, $r->{body}); 1 }
            or $self->bad("part $a->{URI}: $@");
    }
}


sub take_init($self, $uri) {
    my $known = $self->{inits}{$uri} //= $self->fetch_init($uri) // return;

    $self->{init_uri} = $uri;
    ($self->{init_bytes}, $self->{init}) = @$known;
}


sub fetch_init($self, $uri) {
    my $r = $self->get("$self->{path}/$uri") or return;
    $self->bad("$r->{status} for $uri") if $r->{status} != 200;
    return if $r->{status} != 200;

    my $init = eval { Stentor::Media::init($r->{body}) }
        or $self->bad("init: $@");

    return [ $r->{body}, $init ];
}


sub take_part($self, $seg, $i, $a, $bytes) {
    my @f = Stentor::Media::fragments($bytes, $self->{init} // {});
    my $rate = ($self->{init} // die "no init\n")->{timescale};
    my $name = "part $seg->{msn}.$i";
    my $prev = $self->{parts}[-1];

    my %part = (
        msn => $seg->{msn}, part => $i, tfdt => $f[0]{tfdt},
        seq => $f[0]{seq}, samples => sum0(map { $_->{duration} } @f),
        bytes => length($bytes), disc => $seg->{disc} && !$i ? 1 : 0,
        rate => $rate, init => $self->{init_uri},
    );
    $part{frames} = [ map { @{ $_->{frames} } } @f ] if $self->{keep};
    $part{body} = $bytes if $self->{keep};

    if ($prev) {
        # in another format the same moment, to the sample
        my $want = ($prev->{tfdt} + $prev->{samples}) * $rate
                   / $prev->{rate};
        $self->bad("$name: tfdt $part{tfdt}, not $want")
            if abs($part{tfdt} - $want) > ($rate == $prev->{rate} ? 0 : 1);
        $self->bad("$name: another init segment and no discontinuity")
            if $part{init} ne $prev->{init} && !$part{disc};
        $self->bad("$name: mfhd $part{seq} after $prev->{seq}")
            if $part{seq} <= $prev->{seq};
    }

    my $real = $part{samples} / $rate;
    $self->bad(sprintf('%s: DURATION %s, really %.6f', $name,
                       $a->{DURATION}, $real))
        if abs($a->{DURATION} - $real) > 1.1e-5;

    if ($i == 0 && defined $seg->{pdt_ms}) {
        my $off = $seg->{pdt_ms} - $part{tfdt} * 1000 / $rate;
        $self->bad(sprintf('%s: date and tfdt %.3f ms apart', $name, $off))
            if abs($off) > 1;
    }

    push(@{ $self->{parts} }, \%part);
}


# Goes on until test->(self) holds, or seconds have passed, or the stream has
# ended; true when the test held.

sub run($self, $test, $seconds = 20) {
    my $deadline = time() + $seconds;

    while (!$test->($self)) {
        return 0 if time() > $deadline;
        $self->step() or return $test->($self);
    }

    return 1;
}


# n more parts.

sub parts($self, $n, $seconds = 20) {
    my $want = @{ $self->{parts} } + $n;
    return $self->run(sub { @{ $self->{parts} } >= $want }, $seconds);
}


# All frames heard so far (keep => 1).

sub frames($self) {
    return [ map { @{ $_->{frames} } } @{ $self->{parts} } ];
}


# The tone of the last n parts of one format, in Hz (keep => 1).

sub tone($self, $n = 6) {
    return undef if !defined $self->{init_bytes};

    my @bodies = map { $_->{body} } grep { $_->{init} eq $self->{init_uri} }
                 @{ $self->{parts} };
    splice(@bodies, 0, @bodies - $n) if @bodies > $n;

    return Stentor::Media::tone(
        Stentor::Media::decode($self->{init_bytes}, @bodies), 8000);
}


# --- forked: fork_run(seconds, %new) and later ->join() for the report

sub fork_run($class, $seconds, %o) {
    pipe(my $r, my $w) or die "pipe: $!\n";
    pipe(my $stop_r, my $stop_w) or die "pipe: $!\n";

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close($r);
        close($stop_w);
        $stop_r->blocking(0);

        my $self = $class->new(%o);
        eval {
            $self->run(sub {
                return defined(sysread($stop_r, my $x, 1));
            }, $seconds);
            1;
        } or $self->bad("died: $@");

        print {$w} JSON::PP::encode_json({
            map { $_ => $self->{$_} }
            qw(violations parts versions retries workers missed)
        });
        close($w);
        POSIX::_exit(0);
    }

    close($w);
    close($stop_r);

    return bless { pid => $pid, report => $r, stop => $stop_w }, $class;
}


# Ends a forked listener after its present step and returns its report.

sub join($self) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{stop}, 'x');
    local $/;
    my $text = readline($self->{report});
    waitpid($self->{pid}, 0);

    return JSON::PP::decode_json($text);
}


1;
