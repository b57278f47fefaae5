# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Somebody who compares: asks for everything that a rendition lists, a little
# after it was listed and again when it is about to leave, each time on a new
# connection, so now from this worker and now from that one.  One URL is one
# content for ever, and a segment is its parts; the classic playlist is read
# on the way.  Its digests and those of a player are compared at the end.

package Stentor::Witness;

use v5.36;

use Time::HiRes qw(time sleep);

use Stentor::Player;

our @ISA = ('Stentor::Player');

# A round a second; what was listed this long ago is asked for.
use constant { ROUND => 1, LATER => 1.5 };


sub new($class, %o) {
    return Stentor::Player::new($class, name => 'witness', fresh => 1, %o,
                                listed => {}, asked => {}, rounds => 0);
}


# One round; false when the stream has ended.

sub step($self) {
    my $p = $self->read($self->{playlist}, 'version') // return 1;
    my $now = time();
    $self->read($self->{playlist} =~ s/(\.m3u8)$/-std$1/r, 'classic', std => 1)
        if !$p->{ended};

    my @segments = @{ $p->{segments} };
    my %map = map { $_->{map} => 1 } grep { defined $_->{map} } @segments;
    my @uris = (sort(keys %map), map({ $_->[2]{URI} } $p->all_parts()),
                map({ $_->{uri} } @segments));

    # nothing can be asked for later when this is the end
    $self->look($_, $p->{ended} ? $now + LATER : $now) for @uris;

    # the oldest ones once more, and at the end all of them
    $self->again($_->{uri})
        for $p->{ended} ? @segments : @segments[0 .. 1];
    $self->again($_) for $self->{rounds} % 10 == 0 ? keys %map : ();

    $self->{rounds}++;
    $self->{ended} = $now if $p->{ended};

    my $left = $now + ROUND - time();
    sleep($left) if $left > 0 && !$p->{ended} && !$self->{stop};

    return !$p->{ended};
}


# A playlist as it is now, checked alone and against the one before.

sub read($self, $path, $kind, %o) {
    my $r = $self->get($path) // return undef;

    if ($r->{status} != 200) {
        $self->{errors}++;
        $self->bad("$r->{status} for $path");
        sleep(0.2);
        return undef;
    }

    my $p = Stentor::Playlist::parse($r->{text});
    my $old = $self->{$kind};

    $self->{versions}++;
    $self->bad(map { "$kind: $_" } Stentor::Conformance::check($p, %o));
    $self->bad(map { "$kind: $_" }
               Stentor::Conformance::check_pair($old, $p)) if $old;
    $self->{$kind} = $p;

    return $p;
}


sub look($self, $uri, $now) {
    $self->{listed}{$uri} //= $now;
    return if $self->{asked}{$uri} || $now - $self->{listed}{$uri} < LATER;

    $self->{asked}{$uri} = 1;
    $self->body($uri);
}


sub again($self, $uri) {
    return if ($self->{asked}{$uri} // 0) != 1;

    $self->{asked}{$uri} = 2;
    $self->body($uri);
}


sub report($self) {
    my $r = Stentor::Player::report($self);
    $r->{asked} = keys %{ $self->{asked} };
    $r->{asked_twice} = grep { $_ > 1 } values %{ $self->{asked} };

    return $r;
}


1;
