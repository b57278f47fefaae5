# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A listener for a whole evening, in a process of its own.  It plays one
# rendition as players do: blocking reloads, init segments, each part once and
# in order; when its connection breaks, it makes another at once and goes on
# where it was.  What it gets it checks to the last digit and keeps in files,
# one for each init segment, for an ear to hear.
#
# It forgives nothing: an answer that is not 200, a part out of order, a date
# or a duration that is not what the media say.  The report has it all.

package Stentor::Player;

use v5.36;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use List::Util qw(sum0);
use POSIX ();
use Time::HiRes qw(time sleep);

use Stentor::Conformance;
use Stentor::HTTP;
use Stentor::Media;
use Stentor::Node;
use Stentor::Playlist;

# How long somebody listens to nothing before he gives up.
our $PATIENCE = 20;

# What is kept of what is wrong: the first ones tell.
use constant BAD_MAX => 200;

my %running;


# new(port =>, playlist => '/live/studio1/audio.m3u8', dir => where to keep,
# name => of its files, others => how many renditions there are beside it).
# fetch => sub ($path) gives answers without a server.

sub new($class, %o) {
    my ($base) = $o{playlist} =~ m{^(.*/)};

    return bless {
        name => 'player', others => 0,
        %o,
        base => $base, violations => [], bad => 0, parts => [], files => [],
        inits => {}, seen => {}, sums => {}, settled => {}, urls => {},
        versions => 0, reconnects => [], errors => 0, discontinuities => [],
        extinf => 0, media => 0, segments => 0, ended => undef,
    }, $class;
}


sub bad($self, @what) {
    return if $self->{stop};           # what is cut off is not wrong

    $self->{bad} += @what;

    for my $what (@what) {
        push(@{ $self->{violations} }, $what)
            if @{ $self->{violations} } < BAD_MAX;
    }
}


# --- asking

# One answer, whatever happens to connections on the way; undef when nobody
# answered for long.

sub get($self, $path) {
    return $self->{fetch}->($path) if $self->{fetch};

    my $deadline = time() + $PATIENCE;

    while (time() < $deadline && !$self->{stop}) {
        my $r = eval { $self->ask($path, $deadline - time()) };
        return $r if $r;

        push(@{ $self->{reconnects} }, time());
        $self->{conn} = undef;
        sleep(0.01);
    }

    $self->bad("no answer to $path") if !$self->{stop};
    return undef;
}


sub ask($self, $path, $seconds) {
    my $c = $self->{conn};

    $c = $self->{conn} = Stentor::HTTP->new($self->{port})
        if !$c || $c->{eof};

    $c->request('GET', $path);
    my $r = $c->response($seconds);
    $self->{conn} = undef if $self->{fresh};

    return $r;
}


# A body with 200, its digest noted under its URL; undef with a violation.

sub body($self, $uri) {
    my $r = $self->get("$self->{base}$uri") // return undef;

    if ($r->{status} != 200) {
        $self->{errors}++;
        $self->bad("$r->{status} for $uri");
        return undef;
    }

    $self->note_url($uri, sha256_hex($r->{body}));
    $self->{arrived} = $r->{done};

    return $r->{body};
}


# The same URL with other bytes than before is the worst there is.

sub note_url($self, $uri, $sha) {
    my $was = $self->{urls}{$uri} //= $sha;
    $self->bad("$uri has changed") if $was ne $sha;
}


# --- one reload

# Takes what is new; false when there is nothing more.

sub step($self) {
    my $path = $self->{playlist};
    my $old = $self->{version};

    if ($old && !$self->{plain}) {
        my ($msn, $part) = $old->next_part();
        $path .= "?_HLS_msn=$msn&_HLS_part=$part";
    }

    my $r = $self->get($path) // return 0;

    # players ask again without directives, and give up soon
    if ($r->{status} != 200) {
        $self->bad("$r->{status} for $path");
        $self->{plain} = 1;
        sleep(0.5);
        return ++$self->{errors} < 40;
    }

    my $new = Stentor::Playlist::parse($r->{text});
    $self->check($old, $new, $path);
    $self->{version} = $new;
    $self->{plain} = 0;

    $self->take_parts($new, !$old);
    $self->take_segment($_, $new) for @{ $new->{segments} };
    $self->forget($new->{mseq} // 0);

    $self->{ended} = time() if $new->{ended};
    return !$new->{ended};
}


sub check($self, $old, $new, $path) {
    my $n = ++$self->{versions};
    my %frame = $self->{init} ? (frame => 1024 / $self->{init}{timescale})
                              : ();

    $self->bad(map { "version $n: $_" }
               Stentor::Conformance::check($new, %frame),
               reports($new, $self->{others}));
    return if !$old;

    $self->bad(map { "version $n: $_" }
               Stentor::Conformance::check_pair($old, $new));
    $self->bad("version $n: nothing new for $path")
        if !$self->{plain} && !$new->{ended}
           && "@{[ $new->next_part() ]}" eq "@{[ $old->next_part() ]}";
}


# Each of the other renditions is reported, and its newest part is this one's,
# give or take the one that is made at this moment.

sub reports($p, $others) {
    my ($msn, $part) = $p->last_part();
    my @reports = @{ $p->{reports} };
    my @bad;

    push(@bad, @reports . " renditions reported, not $others")
        if @reports != $others && !$p->{ended};

    for my $r (@reports) {
        my ($m, $n) = @$r{qw(LAST-MSN LAST-PART)};
        my $near = $m == $msn ? abs($n - $part) <= 1
                 : $m == $msn + 1 ? $n == 0
                 : $m == $msn - 1 ? $part == 0 : 0;

        push(@bad, "report of $r->{URI} at $m.$n, this one at $msn.$part")
            if !$near;
    }

    return @bad;
}


# What has left the playlist need not be remembered.

sub forget($self, $mseq) {
    delete $self->{sums}{$_} for grep { $_ < $mseq } keys %{ $self->{sums} };
    delete $self->{seen}{$_} for grep { $_ < $mseq } keys %{ $self->{seen} };
}


# --- parts

sub take_parts($self, $p, $first) {
    for my $entry ($p->all_parts()) {
        my ($msn, $i, $a) = @$entry;
        my $seg = $p->segment($msn);

        next if $self->{seen}{$msn}{$i}++;

        $self->follows($msn, $i, $p);
        $self->take_map($seg) if $i == 0 || !$self->{map};
        $self->bad("part $msn.$i is a GAP") if $a->{GAP};
        $self->{last} = [ $msn, $i ];

        my $body = $self->body($a->{URI}) // next;

        eval { $self->take_part($seg, $i, $a, $body, $first); 1 }
            or $self->bad("part $msn.$i: $@");
    }
}


# A part's number is the next one after the last.

sub follows($self, $msn, $i, $p) {
    my $last = $self->{last} // return;
    my ($m, $n) = @$last;

    return if $msn == $m && $i == $n + 1;

    my $seg = $p->segment($m);
    return if $msn == $m + 1 && $i == 0 && $seg && defined $seg->{uri}
              && @{ $seg->{parts} } == $n + 1;

    $self->bad("part $msn.$i after $m.$n");
}


# Another init segment begins another file, and follows a discontinuity; the
# other way round, numbers of discontinuities rise with their tags only.

sub take_map($self, $seg) {
    my $uri = $seg->{map} // $self->{map} // return;
    my $name = "segment $seg->{msn}";

    if (defined $self->{dcn}) {
        my $want = $self->{dcn} + ($seg->{disc} ? 1 : 0);
        $self->bad("$name: discontinuity number $seg->{dcn}, not $want")
            if $seg->{dcn} != $want;
        $self->bad("$name: a new MAP without a DISCONTINUITY")
            if $uri ne $self->{map} && !$seg->{disc};
    }

    $self->{dcn} = $seg->{dcn};
    $self->{jumps} = $seg->{disc} && $self->{map} ? 1 : 0;

    return if $uri eq ($self->{map} // '');
    $self->{map} = $uri;

    my $bytes = $self->body($uri) // return;
    $self->{init} = eval { Stentor::Media::init($bytes) }
        or $self->bad("init $uri: $@");
    $self->{inits}{$uri} //= { sha => sha256_hex($bytes),
                               %{ $self->{init} // {} }{qw(timescale
                                                           channels codecs)} };
    $self->new_file($uri, $bytes);
}


sub take_part($self, $seg, $i, $a, $bytes, $first) {
    my $init = $self->{init} // die "no init\n";
    my $rate = $init->{timescale};
    my @f = Stentor::Media::fragments($bytes, $init);
    my $prev = $self->{parts}[-1];

    my %part = (
        msn => $seg->{msn}, part => $i, tfdt => $f[0]{tfdt}, rate => $rate,
        seq => $f[-1]{seq}, samples => sum0(map { $_->{duration} } @f),
        bytes => length($bytes), arrived => $self->{arrived},
        uri => $a->{URI}, first => $first ? 1 : 0,
    );
    $part{date} = $part{tfdt} / $rate;
    $part{end} = ($part{tfdt} + $part{samples}) / $rate;

    $self->bad(map { "part $seg->{msn}.$i: $_" }
               within(@f),
               $prev ? $self->after($prev, \%part, $f[0]{seq}) : (),
               printed('DURATION', $a->{DURATION}, $part{samples}, $rate),
               $i == 0 ? dated($seg, \%part) : ());

    push(@{ $self->{parts} }, \%part);
    $self->keep($bytes);
    $self->add_up($seg->{msn}, \%part, $bytes);
}


# Fragments within a part.

sub within(@f) {
    my @bad;

    for my $k (1 .. $#f) {
        my $want = $f[$k - 1]{tfdt} + $f[$k - 1]{duration};
        push(@bad, "fragment $k: tfdt $f[$k]{tfdt}, not $want")
            if $f[$k]{tfdt} != $want;
        push(@bad, "fragment $k: mfhd does not rise")
            if $f[$k]{seq} <= $f[$k - 1]{seq};
    }

    return @bad;
}


# A part goes on where the one before ended: to the sample, or after a change
# of the audio's parameters to the nearest frame of either.

sub after($self, $prev, $part, $seq) {
    my @bad;

    push(@bad, "mfhd $seq after $prev->{seq}")
        if $seq <= $prev->{seq} && !$self->{jumps};

    if ($self->{jumps}) {
        my $off = $part->{date} - $prev->{end};
        my $frame = 1024 / List::Util::min($part->{rate}, $prev->{rate});
        push(@{ $self->{discontinuities} },
             { msn => $part->{msn}, t => $part->{date}, off => $off });
        push(@bad, sprintf('%.4f s off what was before the discontinuity',
                           $off))
            if abs($off) > $frame;
        $self->{jumps} = 0;

    } else {
        my $want = $prev->{tfdt} + $prev->{samples};
        push(@bad, "tfdt $part->{tfdt}, not $want")
            if $part->{tfdt} != $want || $part->{rate} != $prev->{rate};
    }

    return @bad;
}


# A printed time is the samples' own, rounded half up to five decimals.

sub printed($name, $text, $samples, $rate) {
    my $units = int(($samples * 100000 + int($rate / 2)) / $rate);
    my $want = sprintf('%d.%05d', $units / 100000, $units % 100000);

    return $text eq $want ? () : "$name $text, not $want";
}


# A segment's date is its media time.

sub dated($seg, $part) {
    return 'no date' if !defined $seg->{pdt_ms};

    my $off = $seg->{pdt_ms} - $part->{date} * 1000;
    return abs($off) <= 1 ? ()
           : sprintf('its date is %.3f ms off its media', $off);
}


# --- segments

sub add_up($self, $msn, $part, $bytes) {
    my $s = $self->{sums}{$msn} //= { samples => 0, n => 0,
        rate => $part->{rate}, sha => Digest::SHA->new(256) };

    $s->{samples} += $part->{samples};
    $s->{n}++;
    $s->{sha}->add($bytes);
}


# A segment that is whole now is its parts: in length, in number, in bytes.

sub take_segment($self, $seg, $p) {
    my $s = $self->{sums}{ $seg->{msn} } // return;
    return if $self->{settled}{ $seg->{msn} }++;

    my $name = "segment $seg->{msn}";
    my $listed = @{ $seg->{parts} };

    if ($s->{n} != $listed) {
        $self->bad("$name: $s->{n} parts taken of $listed");
        return;
    }

    $self->bad(map { "$name: $_" }
               printed('EXTINF', $seg->{duration}, $s->{samples},
                       $s->{rate}));
    $self->note_url($seg->{uri}, $s->{sha}->hexdigest());

    $self->{extinf} += $seg->{duration};
    $self->{media} += $s->{samples} / $s->{rate};
    $self->{segments}++;
}


# --- files

sub new_file($self, $uri, $bytes) {
    my $n = @{ $self->{files} };
    my $path = "$self->{dir}/$self->{name}-$n.mp4";

    open($self->{file}, '>:raw', $path) or die "$path: $!\n";
    push(@{ $self->{files} }, { path => $path, uri => $uri, samples => 0 });
    print { $self->{file} } $bytes;
}


sub keep($self, $bytes) {
    my $file = $self->{files}[-1];
    my $part = $self->{parts}[-1];

    $file->{from} //= $part->{date};
    $file->{rate} = $part->{rate};
    $file->{samples} += $part->{samples};
    print { $self->{file} } $bytes;
}


# --- a process of its own

# start(%new): goes on until the stream ends or it is told to stop.

sub start($class, %o) {
    my $self = $class->new(%o);
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        local $SIG{TERM} = sub { $self->{stop} = 1 };
        local $SIG{INT} = 'IGNORE';
        eval { $self->run(); 1 } or $self->bad("died: $@");

        my $path = $self->report_path();
        Stentor::Node::spew("$path.new",
                            JSON::PP::encode_json($self->report()));
        rename("$path.new", $path);
        POSIX::_exit(0);
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    return $self;
}


sub run($self) {
    while (!$self->{stop}) {
        $self->step() or last;
    }

    close($self->{file}) if $self->{file};
}


sub report($self) {
    my %r = map { $_ => $self->{$_} }
            qw(name violations bad parts files inits urls versions reconnects
               errors discontinuities extinf media segments ended);
    my $v = $self->{version};

    $r{target} = 0 + ($v->{part_target} // 0) if $v;
    $r{hold_back} = 0 + ($v->{control}{'PART-HOLD-BACK'} // 0) if $v;

    return \%r;
}


sub report_path($self) { return "$self->{dir}/$self->{name}.json" }


# Whether the process has ended.

sub over($self) {
    return 1 if !$self->{pid};
    return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;

    delete $running{ delete $self->{pid} };
    return 1;
}


# Its report, once it has ended; it is told to when it has not in seconds.

sub join($self, $seconds) {
    my $deadline = time() + $seconds;
    sleep(0.02) while !$self->over() && time() < $deadline;

    if ($self->{pid}) {
        kill('TERM', $self->{pid});
        $deadline = time() + $PATIENCE + 5;
        sleep(0.02) while !$self->over() && time() < $deadline;
    }

    $self->kill_it();

    my $text = Stentor::Node::slurp($self->report_path())
        // return { bad => 1, violations => ["no report of $self->{name}"] };
    return JSON::PP::decode_json($text);
}


sub kill_it($self) {
    my $pid = delete $self->{pid} // return;
    kill('KILL', $pid);
    waitpid($pid, 0);
    delete $running{$pid};
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->kill_it() for values %running;
        $? = $status;
    }
}


1;
